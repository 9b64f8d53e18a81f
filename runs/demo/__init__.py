"""What `lsnn demo` puts on its page.

network.py: the network and its task as the page's script reads them
"""

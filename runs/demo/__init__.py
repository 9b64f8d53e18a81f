"""What `lsnn demo` puts on its page.

network.py: the network and its task as the page's script reads them     reading.py: the decoder of the platform's place
page.py: the page itself
"""

"""What `lsnn demo` puts on its page.

network.py: the network and its task as the page's script reads them     reading.py: what is read off its state
families/: what a family says of itself, a file each                     page.py: the page itself
"""

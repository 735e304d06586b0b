"""Lengths and counts: of notifications, of what people may write, and of what one page shows. Pure.

DIUN's notifications come from outside and are never refused for what is long in them: the payload in the history keeps
all of it. What pages read beside it is bounded here, so that no client, host or payload can make them slow or large.
"""

NAME = 255
"""The longest name that is stored, in bytes of UTF-8. No hostname and no container has a longer one, and 255 is what
registries take for a repository with its registry. Longer names are shortened and stay distinct: see `text.name_of`."""

LINK = 2048
"""The longest link that is stored, in characters. A shortened link would be a different link."""

CONTAINERS = 500
"""How many containers of an update are kept: the newest, because those run now."""

METADATA_KEYS = 200
"""How many keys of metadata an update keeps, those of all its containers together. A container has about ten."""

METADATA_KEY = 255
"""The longest key, in characters."""

METADATA_TEXT = 64 * 1024
"""The most characters of all keys and values of an update: a page of updates reads those of each row. Kubernetes sends
the status of a pod as one value of several thousand."""

SEARCH = 16 * 1024
"""The most search text of an update, in bytes: a search reads that of every update."""

VIEW = 1600
"""The longest query string of a view, in characters as an address holds it: each filter of a page repeats it."""

VALUES = 40
"""How many values all the filters of a page have together: each is a box and a chip."""

VIEWS = 50
"""How many views can be saved."""

CHOSEN = 1000
"""How many updates can be chosen one by one."""

COMMAND = 10_000
"""The largest list of lines in one command, in bytes of a page."""

SCRIPT = 250_000
"""The largest script for a selection, in bytes of a page."""

BLOCK = 60_000
"""After how many bytes of a page a script begins another block: Linux passes at most 128 KiB as one word."""

ROWS = 50
"""How many updates one page shows. A row takes 2.4 kB, and twice that where its names are long."""

ITEMS = 50
"""How many hosts, tags, rules, refused requests or older versions one page shows."""

PULSES = 20
"""How many names without a host, under which a DIUN reports its runs, the page Hosts shows."""

OPTIONS = 1000
"""How many hosts or tags can be chosen from."""

"""Where the files of a data set lie: in a folder, in a store, or in tar shards; read in one way.

The layouts list and read through a `Tree` alone; which kind it is, `open_tree` sees by the address.
"""

from vidseg.data.trees.contract import Tree
from vidseg.data.trees.local import LocalTree
from vidseg.data.trees.opening import open_tree

__all__ = ["LocalTree", "Tree", "open_tree"]

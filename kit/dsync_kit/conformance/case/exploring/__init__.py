"""An explorer: operations of every kind, in any order, one at a time or several at once."""

"""dsync's `/dev/fakesource`: a source whose documents are the same on every read, and whose updates never end."""

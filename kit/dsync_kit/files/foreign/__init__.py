"""Files that other tools wrote: their formats, and how a row becomes a document."""

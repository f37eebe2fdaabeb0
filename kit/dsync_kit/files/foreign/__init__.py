"""Files that other tools wrote: their formats, their rows, and what becomes of a row."""

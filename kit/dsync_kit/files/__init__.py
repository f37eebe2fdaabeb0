"""Documents in files of an object store or a folder, as other tools read and write them."""

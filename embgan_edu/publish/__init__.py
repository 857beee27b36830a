"""What turns notebooks into a book: figures, chapters, pictures, the clinic, slides."""

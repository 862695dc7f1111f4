"""What the notebooks call to speak: results as sentences, rows and tables, and `show`, which puts them on the page."""

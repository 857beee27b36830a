"""The book's own recipes, and the tables that compare all methods on the same draws."""

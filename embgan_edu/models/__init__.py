"""Networks, and how each is trained on arrays. Nothing here knows of tweets or of tables."""

"""The test picture and its tone."""

"""The nouns: everything the stages are made of. Importing the package itself loads nothing."""

"""What a user would try in textmill's place: each is a program that reads the same raw files and prints one JSON line."""

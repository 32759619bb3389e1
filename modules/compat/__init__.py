"""Runs extensions that were written for A1111: what their imports find here, and how what they do becomes ours.

An extension meets names of A1111's modules and classes; the facts are A1111's, the code is not. What is not here fails
for that extension alone, with the missing name in the sentence.
"""

"""Counts the words of a text."""

from collections import Counter


def handle(event):
    """Takes `{"text": "..."}`; returns how many words it has and the three most frequent ones."""
    words = event["text"].lower().split()
    return {"words": len(words), "top": Counter(words).most_common(3)}

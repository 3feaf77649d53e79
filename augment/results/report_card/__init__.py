"""The report card of a generator: what it renders of people that nobody was trained on, and how
good that is.
"""

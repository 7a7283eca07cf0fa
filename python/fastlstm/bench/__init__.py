"""``fastlstm bench``: this package beside its peers, on the user's own machine.

``command``      the arguments, and what happens with them
``shapes``       what can be timed, and how a user names it
``problem``      the numbers of a job: every contestant gets the same
``contestants``  one file a framework, each by its fastest way
``worker``       what runs in the process that a contestant has to itself
``processes``    that process seen from outside
``runner``       turns and rounds
``results``      medians, quartiles, ratios, means
``report``, ``export``, ``plot``, ``progress``   what the user sees

``import fastlstm`` imports nothing of this.
"""

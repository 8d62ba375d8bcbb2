"""What an event means: the contract, the models, the fold and the reads, the admin and the commands.

May import `broker`.
"""

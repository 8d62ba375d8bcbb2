"""The endpoints: GraphQL and its page, the old REST paths, the dashboard.

May import `watchtime`, and nothing below it.
"""

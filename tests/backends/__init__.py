"""The service's databases as tests use them: emptied after each test that commits, hundreds of times."""

# Django makes these rows after migrating, and would make them again each time: more than most of the tests take.
KEPT = {"auth_permission", "django_content_type"}

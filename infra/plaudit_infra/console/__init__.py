"""The team's web application: sign-in, navigation and one look for the pages that members offer."""

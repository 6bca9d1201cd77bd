"""Pages of the documentation that are made from the code, and what the site's Markdown needs beside it."""

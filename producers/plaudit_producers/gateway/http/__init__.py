"""What the gateway answers: its routes, problems, OpenAPI document, files and access log."""

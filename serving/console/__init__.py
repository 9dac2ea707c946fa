"""The console: server-rendered pages for reviewers, usable without JavaScript."""

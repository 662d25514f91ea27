"""What workflows do beside the chain: the history branch, the comment, the issues, the retrain's pull request, audits.

The only room that talks to GitHub's API. It checks every file that it shows; texts from outside never reach a shell,
and are escaped in Markdown.

Taught in docs/learn/en/04-delivery.md.
"""

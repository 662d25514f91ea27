"""What workflows do beside the chain: the history branch, the comment, the issues, the retrain's pull request, audits.

The one room that talks to GitHub's API. What it shows comes from files that it checks itself; texts from outside reach
neither a shell nor unescaped Markdown.

Taught in docs/learn/en/04-delivery.md.
"""

"""The card says otherwise than training how the dates of requests are read, and is signed again."""

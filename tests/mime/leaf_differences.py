"""
Well-formed mails in which Python's email package and we do not find the same leaf parts, and why:
mail → reason. leafs.py fails on a well-formed mail that differs and is not here, and on an entry that no
longer differs.
"""

DIFFERENCES = {
    "spamassassin-public-corpus/spam-2/00204.4cf15f97b8ea08bfafab7d5091b8fbe7.eml":
        "no semicolon behind text/plain: Python takes the charset for a part of the type",
    "mime4j/mimetools-testmsgs/twopart.msg":
        "a blank behind `base64` at the line end: Python does not know that encoding; mime4j decodes as we do",
}

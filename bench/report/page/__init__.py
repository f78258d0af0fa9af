"""The page: boards as a static folder that works from a file URL and from any web server, without a network.

No page holds a script or a style of its own (a policy in each forbids them), and whatever comes out of a record is
text: templates escape it, always. What two models are compared by lies in files of its own, loaded when asked for.
"""

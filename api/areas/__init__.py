"""Services as somebody sees them who is limited to areas: what lies elsewhere is not there.

Each class has the shape of the port that it stands before. Lists are narrowed by the devices of the areas, single
things of other devices are None, which routes answer with 404: whether there is such a thing is nobody's business.
"""

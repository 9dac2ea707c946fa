"""Fitters: scikit-learn and PyOD behind one door; the service cannot reach them."""

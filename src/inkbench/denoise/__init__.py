"""`inkbench denoise`: clean the scans and photographs of people.

``inputs`` finds the files and where their results go, ``reading`` opens them (``pdf`` those that
need a library of their own), ``scale`` tells how large their letters are, ``page`` cleans one page
(``detail`` brings it back to its size, ``colour`` to its colours), ``writing`` keeps the result,
and ``command`` does so for all.
"""

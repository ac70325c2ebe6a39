"""`inkbench denoise`: clean scans and photographs of pages.

`inputs` finds the files and names their outputs, `formats` tells what they are, `reading` decodes
them (`pdf` renders PDF pages), `scale` measures the letters, `page` cleans a page (`detail`
restores its full size, `colour` its colours), `writing` saves it, and `command` runs all of this
for many files.
"""

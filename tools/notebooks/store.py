"""nbconvert's settings for `make notebooks`: run a notebook in a fresh kernel and replace it if nothing fails.

Metadata that differs from machine to machine (times, the kernel's version) is dropped.
"""

c = get_config()  # noqa: F821
c.ExecutePreprocessor.enabled = True
c.ExecutePreprocessor.timeout = 600  # seconds a cell
c.ExecutePreprocessor.record_timing = False
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {("tags",)}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {("kernelspec",), ("language_info", "name"), ("widgets",)}

"""Why results score as they do: analyses of anybody's results file. numpy and pycocotools only.

An analysis is a class that follows `ovis_jax.analysis.analysis.Analysis`. It is made once for each
results file, is shown every video once (a `Scene`, made and thrown away one after the other) and
keeps no more than small numbers of each; at the end it gives `Section`s of tables, plots and
numbers, which the report writers know how to show. `ovis_jax.analysis.analyze` runs all of them.
"""

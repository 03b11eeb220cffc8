"""The workbench: docks in which a project is annotated, trained and exported."""

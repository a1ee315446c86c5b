"""Emission of a C++ project from plans: one module for each part of the project.

Entry point: `project.emit_project`.
"""

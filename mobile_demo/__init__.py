"""A web app that runs exported models on a phone, and what builds and serves it.

`src` holds the app, in TypeScript; Python finds the exports, builds the app with npm, puts both
together as a site of static files, and serves it.
"""

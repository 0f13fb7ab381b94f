"""Answers at http://localhost:5000/ with a greeting and the versions that the image holds."""

import platform

import flask

app = flask.Flask(__name__)


@app.route("/")
def index():
    return f"Hello from Flask {flask.__version__} on Python {platform.python_version()}\n"


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)

"""Sells with x402's Flask middleware.

Usage: FACILITATOR_URL=http://… PAY_TO=0x… python seller_flask.py
"""

import logging

from flask import Flask, jsonify
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.serving import make_server
from x402 import x402ResourceServerSync
from x402.http import FacilitatorConfig, HTTPFacilitatorClientSync
from x402.http.middleware.flask import payment_middleware, set_settlement_overrides

from process import end_with_stdin, explain, fail, ready, setting
from routes import PATHS, UPTO_CHARGE, register, routes
from wire import record_facilitator_calls, record_sale

WHO = {"role": "seller", "implementation": "x402 (Python) 2.25.0, Flask"}
record_facilitator_calls(WHO)
logging.getLogger("werkzeug").setLevel(logging.WARNING)

facilitator = HTTPFacilitatorClientSync(FacilitatorConfig(url=setting("FACILITATOR_URL")))
server = register(x402ResourceServerSync(facilitator))
try:
    server.initialize()
except Exception as error:
    fail(f"the facilitator cannot be used: {explain(error)}")

app = Flask(__name__)
payment_middleware(app, routes(setting("PAY_TO")), server)


def sell(path):
    app.add_url_rule(path, path, lambda: jsonify(sold=path))


for each in PATHS:
    sell(each)


@app.get("/upto")
def upto():
    response = jsonify(sold="/upto")
    set_settlement_overrides(response, UPTO_CHARGE)
    return response


def listen(wsgi):
    def application(environ, start_response):
        def start(status, headers, *rest):
            record_sale(WHO, EnvironHeaders(environ), Headers(headers))
            return start_response(status, headers, *rest)

        return wsgi(environ, start)

    return application


app.wsgi_app = listen(app.wsgi_app)
http = make_server("127.0.0.1", 0, app, threaded=True)
end_with_stdin()
ready(http.server_port)
http.serve_forever()

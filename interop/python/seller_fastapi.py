"""Sells with x402's FastAPI middleware.

Usage: FACILITATOR_URL=http://… PAY_TO=0x… python seller_fastapi.py
"""

import socket

import uvicorn
from fastapi import FastAPI, Response
from x402 import x402ResourceServer
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware, set_settlement_overrides

from process import end_with_stdin, explain, fail, ready, setting
from routes import PATHS, UPTO_CHARGE, register, routes
from wire import record_facilitator_calls, record_sale

WHO = {"role": "seller", "implementation": "x402 (Python) 2.25.0, FastAPI"}
record_facilitator_calls(WHO)

facilitator = HTTPFacilitatorClient(FacilitatorConfig(url=setting("FACILITATOR_URL")))
server = register(x402ResourceServer(facilitator))
try:
    server.initialize()
except Exception as error:
    fail(f"the facilitator cannot be used: {explain(error)}")

app = FastAPI()
paywall = payment_middleware(routes(setting("PAY_TO")), server)


@app.middleware("http")
async def pay(request, call_next):
    return await paywall(request, call_next)


@app.middleware("http")
async def listen(request, call_next):
    response = await call_next(request)
    record_sale(WHO, request.headers, response.headers)
    return response


def sell(path):
    @app.get(path)
    async def handler():
        return {"sold": path}


for each in PATHS:
    sell(each)


@app.get("/upto")
async def upto(response: Response):
    set_settlement_overrides(response, UPTO_CHARGE)
    return {"sold": "/upto"}


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        end_with_stdin()
        ready(sockets[0].getsockname()[1])


with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])

"""Writes down the messages that cross the wire, as they were sent and not as an SDK reads them.

Each line of the file that X402_RECORD names is one message: role and implementation say who wrote
it down, direction whether that one sent or received it.
"""

import base64
import json
import os

FILE = os.environ.get("X402_RECORD")
CALLS = {"verify": "Verify", "settle": "Settle"}


def record(who, direction, message, content):
    """Appends one message. Messages of version 1 get names of their own."""
    if not FILE or content is None:
        return
    old = isinstance(content, dict) and content.get("x402Version") == 1
    name = f"{message}V1" if old and not message.startswith("Supported") else message
    line = {**who, "direction": direction, "message": name, "json": content}
    # Unbuffered: one write for one line, as several processes share the file.
    with open(FILE, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def decode(header):
    """The JSON of a header, None where there is none."""
    if not header:
        return None
    try:
        return json.loads(base64.b64decode(header))
    except ValueError:
        return {"undecodable": header}


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


class Conversation:
    """Collects what a buyer sends and gets: the offer, its payment, and the receipt or a second
    402."""

    def __init__(self, implementation):
        self.who = {"role": "buyer", "implementation": implementation}
        self.messages = dict.fromkeys(["required", "payload", "response", "refusal"])

    def request(self, headers):
        payload = decode(headers.get("payment-signature") or headers.get("x-payment"))
        if payload is not None:
            self.messages["payload"] = payload
            record(self.who, "sent", "PaymentPayload", payload)

    def response(self, status, headers, body):
        required = decode(headers.get("payment-required"))
        if required is None and status == 402:
            content = parse(body)
            if isinstance(content, dict) and content.get("x402Version") == 1:
                required = content
        if required is not None:
            self.messages["refusal" if self.messages["payload"] else "required"] = required
            record(self.who, "received", "PaymentRequired", required)
        settled = decode(headers.get("payment-response") or headers.get("x-payment-response"))
        if settled is not None:
            self.messages["response"] = settled
            record(self.who, "received", "SettleResponse", settled)


def record_facilitator_calls(who):
    """Writes down what this process says to its facilitator, by listening to every httpx client."""
    if not FILE:
        return
    import httpx

    def asked(request):
        call = request.url.path.rsplit("/", 1)[-1]
        if call in CALLS:
            record(who, "sent", f"{CALLS[call]}Request", parse(request.content))
        return call

    def answered(call, response):
        if call in CALLS or call == "supported":
            name = f"{CALLS.get(call, 'Supported')}Response"
            record(who, "received", name, parse(response.content))

    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def listening(self, request, **options):
        call = asked(request)
        response = send(self, request, **options)
        answered(call, response)
        return response

    async def listening_async(self, request, **options):
        call = asked(request)
        response = await send_async(self, request, **options)
        answered(call, response)
        return response

    httpx.Client.send, httpx.AsyncClient.send = listening, listening_async


def record_sale(who, request_headers, response_headers):
    """Writes down what a seller reads from and writes into headers."""
    paid = request_headers.get("payment-signature") or request_headers.get("x-payment")
    record(who, "received", "PaymentPayload", decode(paid))
    record(who, "sent", "PaymentRequired", decode(response_headers.get("payment-required")))
    record(who, "sent", "SettleResponse", decode(response_headers.get("payment-response")))

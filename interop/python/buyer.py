"""Buys one resource with the official client and prints what came of it as JSON.

Usage: PRIVATE_KEY=0x… [RPC_URL=http://…] [CLIENT=httpx|requests] [SCHEMES=exact,upto] python buyer.py URL
"""

import asyncio
import os
import sys

from eth_account import Account
from x402 import x402Client, x402ClientSync
from x402.http import x402HTTPClient, x402HTTPClientSync
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner, EthAccountSignerWithRPC
from x402.mechanisms.evm.upto import UptoEvmClientScheme

from process import report, setting
from wire import Conversation


class OfWallet:
    """A wallet with code, which signs with its owner's key."""

    def __init__(self, owner):
        self.owner = owner

    @property
    def address(self):
        return os.environ["WALLET"]

    def __getattr__(self, name):
        return getattr(self.owner, name)


def register(client):
    """With an RPC URL the schemes sponsor the allowance, without it they cannot know of one."""
    account = Account.from_key(setting("PRIVATE_KEY"))
    rpc_url = os.environ.get("RPC_URL")
    signer = EthAccountSignerWithRPC(account, rpc_url) if rpc_url else EthAccountSigner(account)
    if os.environ.get("WALLET"):
        signer = OfWallet(signer)
    schemes = setting("SCHEMES", "exact,upto").split(",")
    if "exact" in schemes:
        register_exact_evm_client(client, signer)
    if "upto" in schemes:
        client.register("eip155:*", UptoEvmClientScheme(signer))
    return client


def outcome(http_client, conversation, response):
    header = response.headers.get
    receipt = None
    if header("payment-response") or header("x-payment-response"):
        receipt = http_client.get_payment_settle_response(header)
        receipt = receipt.model_dump(by_alias=True, exclude_none=True, mode="json")
    return {
        "status": response.status_code,
        "body": response.text,
        "receipt": receipt,
        "messages": conversation.messages,
    }


async def buy_with_httpx(url):
    import httpx
    from x402.http.clients.httpx import x402AsyncTransport

    conversation = Conversation("x402 (Python) 2.25.0, httpx")

    class Listening(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request):
            conversation.request(request.headers)
            response = await super().handle_async_request(request)
            if response.status_code == 402:
                await response.aread()
            body = response.text if response.status_code == 402 else ""
            conversation.response(response.status_code, response.headers, body)
            return response

    http_client = x402HTTPClient(register(x402Client()))
    transport = x402AsyncTransport(http_client._client, Listening())
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        return outcome(http_client, conversation, await client.get(url))


def buy_with_requests(url):
    import requests
    from x402.http.clients.requests import x402_requests

    conversation = Conversation("x402 (Python) 2.25.0, requests")
    send = requests.adapters.HTTPAdapter.send

    def listening(self, request, **options):
        conversation.request(request.headers)
        response = send(self, request, **options)
        conversation.response(response.status_code, response.headers, response.text)
        return response

    requests.adapters.HTTPAdapter.send = listening
    client = register(x402ClientSync())
    response = x402_requests(client).get(url, timeout=60)
    return outcome(x402HTTPClientSync(client), conversation, response)


def buy():
    (url,) = sys.argv[1:]
    library = setting("CLIENT", "httpx")
    if library == "httpx":
        return asyncio.run(buy_with_httpx(url))
    if library == "requests":
        return buy_with_requests(url)
    raise ValueError(f"CLIENT is httpx or requests, not {library}")


report(buy)

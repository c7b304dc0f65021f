"""The official Python facilitator, on a real node.

Usage: PRIVATE_KEY=0x… RPC_URL=http://… python facilitator.py
"""

import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from x402 import x402FacilitatorSync
from x402.extensions.eip2612_gas_sponsoring import EIP2612_GAS_SPONSORING
from x402.extensions.erc20_approval_gas_sponsoring import Erc20ApprovalFacilitatorExtension
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import ExactEvmFacilitatorScheme
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1
from x402.mechanisms.evm.upto import UptoEvmFacilitatorScheme
from x402.schemas import parse_payment_payload, parse_payment_requirements

from process import end_with_stdin, explain, ready, setting
from wire import record

NETWORK = "eip155:84532"
MAX_BODY = 1 << 20
WHO = {"role": "facilitator", "implementation": "x402 (Python) 2.25.0"}


class Signer(FacilitatorWeb3Signer):
    """Sends one after the other; a signed transaction's gas is paid for first where its signer
    lacks it."""

    def send_transactions(self, transactions):
        hashes = []
        for transaction in transactions:
            if isinstance(transaction, str):
                self.fund(transaction)
                sent = self._w3.eth.send_raw_transaction(HexBytes(transaction)).to_0x_hex()
            else:
                sent = self.write_contract(
                    transaction.address,
                    transaction.abi,
                    transaction.function,
                    *transaction.args,
                    data_suffix=transaction.data_suffix,
                )
            hashes.append(sent)
            self.mined(sent)
        return hashes

    def fund(self, raw):
        fields = TypedTransaction.from_bytes(HexBytes(raw)).transaction.dictionary
        sender = Account.recover_transaction(raw)
        needed = fields["gas"] * fields["maxFeePerGas"]
        missing = needed - self._w3.eth.get_balance(sender)
        if missing <= 0:
            return
        signed = self._account.sign_transaction(
            {
                "to": sender,
                "value": missing,
                "nonce": self._reserve_nonce(),
                "gas": 21_000,
                "gasPrice": self._w3.eth.gas_price,
                "chainId": self.get_chain_id(),
            }
        )
        self.mined(self._w3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex())

    def mined(self, sent):
        if self.wait_for_transaction_receipt(sent).status != 1:
            raise RuntimeError(f"transaction {sent} failed")


signer = Signer(private_key=setting("PRIVATE_KEY"), rpc_url=setting("RPC_URL"))
facilitator = x402FacilitatorSync()
facilitator.register([NETWORK], ExactEvmFacilitatorScheme(signer))
facilitator.register([NETWORK], UptoEvmFacilitatorScheme(signer))
facilitator.register_v1(["base-sepolia"], ExactEvmSchemeV1(signer))
facilitator.register_extension(EIP2612_GAS_SPONSORING)
facilitator.register_extension(Erc20ApprovalFacilitatorExtension(signer))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/supported":
            return self.answer(404, {"error": "not found"})
        supported = dump(facilitator.get_supported())
        record(WHO, "sent", "SupportedResponse", supported)
        self.answer(200, supported)

    def do_POST(self):
        call = {"/verify": "Verify", "/settle": "Settle"}.get(self.path)
        length = int(self.headers.get("content-length") or 0)
        if call is None or length > MAX_BODY:
            self.close_connection = True
            return self.answer(404 if call is None else 413, {"error": "not found or too long"})
        try:
            body = json.loads(self.rfile.read(length))
            record(WHO, "received", f"{call}Request", body)
            try:
                payload = parse_payment_payload(body["paymentPayload"])
                requirements = parse_payment_requirements(
                    payload.x402_version, body["paymentRequirements"]
                )
            except (KeyError, ValueError) as error:
                return self.answer(400, {"error": explain(error)})
            outcome = dump(getattr(facilitator, call.lower())(payload, requirements))
            record(WHO, "sent", f"{call}Response", outcome)
            self.answer(200, outcome)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self.answer(500, {"error": explain(error)})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def dump(model):
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
end_with_stdin()
ready(server.server_port)
server.serve_forever()

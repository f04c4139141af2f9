"""Our hardened Matrix client: the one place that imports nio.

nio gives the cryptography, its session classes around vodozemac. Requests, sync, trust, key sharing and the
store are ours: each of the eleven faults measured in nio's client is absent by construction or cured in one
place, and has a test (tests/bots/client/test_faults.py).
"""

from banyan.matrix import Api, MatrixError, Unauthorized
from bots.client.client import Client
from bots.client.credentials import Credentials
from bots.client.errors import (
    IdentityLost,
    KeysNotDelivered,
    LoginExpires,
    NotEncrypted,
    SigningFailed,
    StoreInUse,
    WrongStore,
)
from bots.client.events import KeyPolicy, Membership, Message, Report, ReportKind, Roster
from bots.client.handlers import OnMembership, OnMessage, OnReceipt, OnReport
from bots.client.provision import Files, login_password, provision, register, relogin
from bots.client.rooms import Room
from bots.client.signing import Seeds, publish_identity
from bots.client.trust import Device, Trust

__all__ = [
    "Api",
    "Client",
    "Credentials",
    "Device",
    "Files",
    "IdentityLost",
    "KeyPolicy",
    "KeysNotDelivered",
    "LoginExpires",
    "MatrixError",
    "Membership",
    "Message",
    "NotEncrypted",
    "OnMembership",
    "OnMessage",
    "OnReceipt",
    "OnReport",
    "Report",
    "ReportKind",
    "Room",
    "Roster",
    "Seeds",
    "SigningFailed",
    "StoreInUse",
    "Trust",
    "Unauthorized",
    "WrongStore",
    "login_password",
    "provision",
    "publish_identity",
    "register",
    "relogin",
]

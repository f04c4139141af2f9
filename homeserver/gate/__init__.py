"""The gate: the module that runs inside Synapse and prevents what the rules forbid.

It reads one small SQLite file that Banyan writes (`table.py`) and keeps nothing in memory that matters, so it
works the same in every worker. What it cannot look up it refuses: nobody new gets in, messages still flow.

One file a topic: `registration` (who may have an account), `creating` (who may make which room),
`judging` (events: membership and the state that guards a room), `partners` (what other servers send),
`joining` (members into their rooms), `leaving` (members out of rooms), `survey` and `running` (what is there,
for the audit), `web`.
"""

from typing import Any

from synapse.module_api import ModuleApi

from homeserver.gate.creating import Creating
from homeserver.gate.joining import Joining
from homeserver.gate.judging import Judging
from homeserver.gate.leaving import Leaving
from homeserver.gate.neighbours import Neighbours
from homeserver.gate.partners import Partners
from homeserver.gate.refusals import Refusals
from homeserver.gate.registration import Registration
from homeserver.gate.setting import GateSetting
from homeserver.gate.survey import Survey
from homeserver.gate.table import Table
from homeserver.gate.web import AdmitResource, ExpelResource, PingResource, SurveyResource

ADMIT_PATH = "/_synapse/client/banyan/admit"
EXPEL_PATH = "/_synapse/client/banyan/expel"
PING_PATH = "/_synapse/client/banyan/ping"
SURVEY_PATH = "/_synapse/client/banyan/survey"


class Gate:
    """Registers every callback and the web resources."""

    def __init__(self, config: GateSetting, api: ModuleApi) -> None:
        refusals = Refusals()
        table = Table(config.table)
        registration = Registration(config, table, refusals)
        creating = Creating(api, config, table, refusals)
        judging = Judging(api, config, table, refusals)
        joining = Joining(api, config, table)
        partners = Partners(api, config, table, refusals)

        api.register_password_auth_provider_callbacks(
            get_username_for_registration=registration.username_for,
        )
        api.register_account_validity_callbacks(on_user_registration=joining.on_user_registration)
        api.register_spam_checker_callbacks(
            check_registration_for_spam=registration.check,
            check_event_for_spam=partners.check_event_for_spam,
            should_drop_federated_event=partners.should_drop_federated_event,
            user_may_join_room=judging.user_may_join_room,
            federated_user_may_invite=judging.federated_user_may_invite,
            user_may_send_3pid_invite=judging.user_may_send_3pid_invite,
            user_may_publish_room=creating.user_may_publish_room,
        )
        api.register_third_party_rules_callbacks(
            on_create_room=creating.on_create_room,
            check_event_allowed=judging.check_event_allowed,
            check_visibility_can_be_modified=creating.check_visibility,
            check_threepid_can_be_invited=judging.check_threepid_can_be_invited,
        )
        partners.stand_before_joins()
        Neighbours(api, refusals).stand_before_keys()
        table.watch()
        api.register_web_resource(ADMIT_PATH, AdmitResource(config.secret, joining))
        api.register_web_resource(EXPEL_PATH, ExpelResource(config.secret, Leaving(api, config)))
        api.register_web_resource(PING_PATH, PingResource(config.secret, table, refusals))
        api.register_web_resource(SURVEY_PATH, SurveyResource(config.secret, Survey(api)))

    @staticmethod
    def parse_config(config: dict[str, Any]) -> GateSetting:
        """Read the module's part of homeserver.yaml. Raises KeyError, OSError or ValueError."""
        return GateSetting.parse(config)

"""An alert before it is sent, as every language will read it."""

from collections.abc import Iterator, Sequence

from banyan.domain.alerts import Alert
from banyan.domain.approvals import Proposal
from banyan.i18n import ENDONYMS, LANGUAGES, N_, SOURCE, Text
from banyan.network import REGIONAL, Network
from banyan.services.outbox import Never
from banyan.services.ports import UnitOfWork
from bots.alert_texts import alert_in
from bots.arguments import EVERYWHERE
from bots.texts import lines, worded

FOR = N_("Send this safety message, for {areas}:")


class AlertPreview:
    """Words a held alert for those who decide: in every language, for its readers have one each."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def __call__(self, tx: UnitOfWork, proposal: Proposal) -> Sequence[Text]:
        """The languages of the rooms addressed come first, then English, then all the others."""
        alert = await tx.alerts.get(proposal.about["alert_id"])
        if alert is None:
            raise Never("no-such-alert")
        return [Text(FOR, areas=addressed(alert.areas)), *self._blocks(alert, proposal.about["areas"])]

    def _blocks(self, alert: Alert, areas: Sequence[str]) -> Iterator[Text]:
        zones = {area.language: area.zone for area in self._network.areas if area.key in areas}
        for language in dict.fromkeys((*zones, SOURCE, *LANGUAGES)):
            zone = zones.get(language, self._network.regional.time_zone)
            yield Text("——— {language} ———", language=ENDONYMS[language])
            yield from map(worded, alert_in(language, alert, zone, confirmed=True))


def addressed(areas: Sequence[str]) -> Text:
    """Name areas as staff know them."""
    names = [Text(EVERYWHERE) if key == REGIONAL else Text("{key}", key=key) for key in areas]
    return lines(names, ", ")

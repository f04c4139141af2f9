"""A network with partners: the example, and two organisations with a server each."""

from banyan.network import JointRoom, Network, Partner

HARBOUR = "matrix.harbour.test"
LANTERN = "lantern.test:8448"
LAMP, SAIL = f"@lamp-7:{HARBOUR}", f"@sail-2:{HARBOUR}"
WICK = f"@wick-1:{LANTERN}"


def partner(server: str | None, *people: str) -> Partner:
    """An organisation whose people are these."""
    return Partner(
        name="An organisation", scope="regional", packages=["legal_aid"], server=server, people=people
    )


def with_partners(network: Network, **changes: object) -> Network:
    """`joint:harbour` for the first partner, `joint:both` for the two of them."""
    partners = {"harbour": partner(HARBOUR, LAMP, SAIL), "lantern": partner(LANTERN, WICK)}
    role = next(iter(network.roles))
    joint = {
        "harbour": JointRoom(code_name="Hornbeam", partners=["harbour"], roles=[role]),
        "both": JointRoom(code_name="Alder", partners=["harbour", "lantern"], roles=[role]),
    }
    return network.model_copy(update={"partners": partners, "joint": joint} | changes)

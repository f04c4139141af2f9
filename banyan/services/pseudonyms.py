"""Made-up names: a quality and a thing, drawn and never chosen.

The words say nothing about a place, a person, a faith or a side. Left out on purpose: colours of parties and
movements (red, yellow, orange, white, black), their signs (umbrella, paper, candle, star, peacock, lotus,
jasmine, sunflower, rose), animals and plants of one country, trees and stones that networks take as code
names, names of people, and anything one would not like to be called.
"""


def _words(lines: str) -> tuple[str, ...]:
    return tuple(lines.split())


QUALITIES = _words(
    """
    able agile airy amber ample apt azure balmy bold bonny brave breezy bright
    brisk calm candid careful cheery civil clean clear clever cobalt cool copper cosy crisp deft dewy
    direct eager early easy even exact famed fast fine firm fleet fluent fond free fresh full gentle
    glad glossy golden good great handy hardy hearty high honest humble indigo jolly jovial just keen
    kind large lasting level light lively loyal lucid lucky lunar major mellow merry mild mint modest
    moral mossy neat new nimble novel oaken olive open opal patient plain prime prompt proper quick
    quiet ready rich ripe robust round rustic serene sharp silent silver simple sleek smooth snug solar
    solid sound spare stable steady still subtle sunny sure swift tidy topaz true upper urban useful
    vivid warm wise woven
    """
)

THINGS = _words(
    """
    acorn anchor arbour arch atlas badge barge barn basin basket beacon bell bench bobbin book bottle
    bough bowl bracket breeze brick bridge brook brush bucket button cabin cable canoe canvas chalk
    chart chest clover cloud comet compass cone copse coral cove cradle creek cup dial dock door dune
    easel ember fable feather fence fern field flask flute fountain garden gate glacier globe glove
    grove gull hammer harbour harp hedge heron hill hinge inlet island jar jetty kettle key kite ladder
    lagoon lake lantern lark lens lever linen locket loom lute lyre mantle marble meadow melody mirror
    mitten moss nest nook oar oasis orchard otter paddle panel path pebble pencil petal piano pier
    pillow plank plum pocket pond prairie prism quill quilt raft rain reed ribbon ridge river rope
    rudder saddle sail sand shelf shell shore shovel skiff sleeve slope spindle spoon spring stone stool
    stream table teapot thimble thread tile timber tower trail vale valley vase violin wagon walnut wave
    wheel window
    """
)

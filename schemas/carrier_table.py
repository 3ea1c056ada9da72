"""The carriers we know by name, as data: slug, name, aliases, providers' codes, and the carrier's own tracking page.

A row is only ever added or given one more alias: a slug is part of every shipment key. The posts of the countries
that stand in no row here are in `national_posts.py`.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier: slug, the name people read, names used by shops, and (provider, code) aliases."""

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = field(default=())
    tracking_page: str | None = None
    """The carrier's own page, with `{number}` where the number belongs. None: no page takes the number alone."""


ROWS: Final = (
    Carrier(
        "ups",
        "UPS",
        ("United Parcel Service", "UPS DAP", "UPSDAP"),
        (("track17", "100002"), ("shipengine", "ups_walleted")),
        "https://www.ups.com/track?tracknum={number}",
    ),
    Carrier(
        "ups-mail-innovations",
        "UPS Mail Innovations",
        ("UPSMailInnovations", "ups mi"),
        tracking_page="https://www.ups.com/track?tracknum={number}",
    ),
    Carrier(
        "usps",
        "USPS",
        ("United States Postal Service", "US Postal Service", "stamps_com", "Stamps.com", "endicia"),
        (("shipengine", "stamps_com"), ("track17", "21051")),
        "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    ),
    Carrier(
        "fedex",
        "FedEx",
        ("Federal Express", "FedexDefault", "FedEx Ground", "FedEx Express", "fedex_uk"),
        (("track17", "100003"), ("shipengine", "fedex_walleted")),
        "https://www.fedex.com/fedextrack/?trknbr={number}",
    ),
    Carrier(
        "dhl-express",
        "DHL Express",
        ("DHLExpress", "dhl_express", "dhl express worldwide"),
        (
            ("track17", "100001"),
            ("aftership", "dhl"),
            ("shipengine", "dhl_express_worldwide"),
            ("shipengine", "dhl_express_uk"),
            ("shipengine", "dhl_express_australia"),
            ("shipengine", "dhl_express_canada"),
        ),
        "https://www.dhl.com/en/express/tracking.html?AWB={number}",
    ),
    Carrier(
        "dhl-ecommerce",
        "DHL eCommerce",
        ("DhlEcs", "DHLGlobalMail", "dhl global mail", "dhl_ecommerce", "DHL eCommerce Americas"),
        (("track17", "7047"),),
        "https://webtrack.dhlecs.com/orders?trackingNumber={number}",
    ),
    Carrier(
        "dhl-parcel-de",
        "DHL Paket",
        ("DHL Germany", "Deutsche Post DHL", "dhl_parcel_de", "dhl_de"),
        tracking_page="https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={number}",
    ),
    Carrier(
        "dhl-parcel-nl",
        "DHL Parcel Benelux",
        ("dhl_parcel_nl", "DHL Parcel NL", "DHL Benelux"),
        (("sendcloud", "dhl"),),
    ),
    Carrier("dhl-parcel-uk", "DHL eCommerce UK", ("dhl_parcel_uk", "DHL Parcel UK", "UK Mail")),
    Carrier("dhl-parcel-pl", "DHL eCommerce Poland", ("dhl_parcel_pl", "DHL Parcel Poland")),
    Carrier("dhl-parcel-es", "DHL eCommerce Iberia", ("dhl_parcel_es", "DHL Parcel Iberia")),
    Carrier("dhl-ecommerce-europe", "DHL eCommerce Europe", ("dhl_ecommerce_europe", "DHL Parcel Connect")),
    Carrier("dhl-freight", "DHL Freight", ("dhl_freight",)),
    Carrier("dhl-global-forwarding", "DHL Global Forwarding", ("dhl_global_forwarding", "dgf")),
    Carrier("dhl-sameday", "DHL Same Day", ("dhl_sameday", "DHL SameDay")),
    Carrier(
        "deutsche-post",
        "Deutsche Post",
        ("DeutschePost", "deutsche_post"),
        tracking_page="https://www.deutschepost.de/de/s/sendungsverfolgung/verfolgen.html?piececode={number}",
    ),
    Carrier(
        "royal-mail",
        "Royal Mail",
        ("RoyalMail", "royal_mail", "Royal Mail Tracked 24", "Royal Mail Tracked 48"),
        (("track17", "11031"), ("sendcloud", "royal_mailv2")),
        "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    ),
    Carrier(
        "parcelforce",
        "Parcelforce",
        ("Parcelforce Worldwide", "parcel force"),
        tracking_page="https://www.parcelforce.com/track-trace?trackNumber={number}",
    ),
    Carrier(
        "evri",
        "Evri",
        ("Hermes UK", "myHermes", "hermes_uk"),
        (("shippo", "evri_uk"), ("sendcloud", "hermes_c2c_gb")),
        "https://www.evri.com/track/parcel/{number}",
    ),
    Carrier(
        "hermes-de",
        "Hermes Germany",
        ("Hermes", "hermes_de"),
        (("shippo", "hermes_germany_b2c"),),
        "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation#{number}",
    ),
    Carrier("yodel", "Yodel", ("yodel_uk",), tracking_page="https://www.yodel.co.uk/tracking/{number}"),
    Carrier(
        "dpd",
        "DPD",
        ("DPD Germany", "dpd_de"),
        (("track17", "100007"),),
        "https://tracking.dpd.de/status/en_US/parcel/{number}",
    ),
    Carrier(
        "dpd-uk",
        "DPD UK",
        ("DPD Local", "dpd_uk", "DPDUK"),
        (("track17", "100010"),),
        "https://track.dpd.co.uk/search?reference={number}",
    ),
    Carrier(
        "gls",
        "GLS",
        ("General Logistics Systems", "gls_eu"),
        (("track17", "100005"), ("shippo", "gls_deutschland")),
        "https://gls-group.eu/EU/en/parcel-tracking?match={number}",
    ),
    Carrier(
        "postnl",
        "PostNL",
        ("Post NL", "postnl_nl"),
        (("track17", "14041"),),
        "https://jouw.postnl.nl/track-and-trace/{number}",
    ),
    Carrier(
        "bpost",
        "bpost",
        ("bpost belgium",),
        tracking_page="https://track.bpost.cloud/btr/web/#/search?itemCode={number}",
    ),
    Carrier(
        "la-poste",
        "La Poste",
        ("Colissimo", "laposte", "la poste colissimo"),
        tracking_page="https://www.laposte.fr/outils/suivre-vos-envois?code={number}",
    ),
    Carrier(
        "chronopost",
        "Chronopost",
        ("chrono post",),
        tracking_page="https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={number}",
    ),
    Carrier("mondial-relay", "Mondial Relay", ("mondial_relay", "mondialrelay")),
    Carrier(
        "correos",
        "Correos",
        ("correos_es", "Correos Express"),
        tracking_page="https://www.correos.es/es/es/herramientas/localizador/envios/detalle?tracking-number={number}",
    ),
    Carrier(
        "poste-italiane",
        "Poste Italiane",
        ("poste_italiane", "SDA"),
        tracking_page="https://www.poste.it/cerca/index.html#/risultati-spedizioni/{number}",
    ),
    Carrier(
        "swiss-post",
        "Swiss Post",
        ("Die Post", "La Poste Suisse", "swiss_post"),
        tracking_page="https://service.post.ch/ekp-web/ui/entry/search/{number}",
    ),
    Carrier(
        "austrian-post",
        "Austrian Post",
        ("Österreichische Post", "austrian_post"),
        tracking_page="https://www.post.at/sv/sendungsdetails?snr={number}",
    ),
    Carrier(
        "inpost",
        "InPost",
        ("inpost_paczkomaty", "InPost Paczkomaty"),
        tracking_page="https://inpost.pl/sledzenie-przesylek?number={number}",
    ),
    Carrier(
        "australia-post",
        "Australia Post",
        ("AusPost", "Aus Post", "australia_post", "AustraliaPost"),
        (("track17", "1151"),),
        "https://auspost.com.au/mypost/track/details/{number}",
    ),
    Carrier("startrack", "StarTrack", ("Star Track", "startrack_express")),
    Carrier("sendle", "Sendle", tracking_page="https://track.sendle.com/tracking?ref={number}"),
    Carrier("aramex-au", "Aramex Australia", ("Fastway", "fastway_au")),
    Carrier(
        "nz-post",
        "New Zealand Post",
        ("NZ Post", "nz_post"),
        tracking_page="https://www.nzpost.co.nz/tools/tracking?trackid={number}",
    ),
    Carrier(
        "canada-post",
        "Canada Post",
        ("CanadaPost", "Postes Canada", "canada_post"),
        (("track17", "3041"),),
        "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
    ),
    Carrier(
        "purolator",
        "Purolator",
        ("purolator_ca",),
        (("shipengine", "purolator_canada"),),
        "https://www.purolator.com/en/shipping/tracker?searchValue={number}",
    ),
    Carrier(
        "ontrac",
        "OnTrac",
        ("OnTrac V3",),
        tracking_page="https://www.ontrac.com/tracking/?number={number}",
    ),
    # LaserShip goes by OnTrac's name now, and its numbers are found on that page; both are still told apart by name.
    Carrier(
        "lasership", "LaserShip", ("LaserShip V2",), tracking_page="https://www.ontrac.com/tracking/?number={number}"
    ),
    Carrier(
        "amazon-shipping",
        "Amazon Shipping",
        ("Amazon Logistics", "AmazonShipping", "AmazonMws", "amzl"),
        (("shipengine", "amazon_buy_shipping"), ("shipengine", "amazon_shipping_us")),
        "https://track.amazon.com/tracking/{number}",
    ),
    Carrier("china-post", "China Post", ("ChinaPost", "china_post"), (("track17", "3011"),)),
    Carrier("china-ems", "China EMS", ("EMS China", "china_ems"), (("track17", "3013"),)),
    Carrier(
        "yunexpress",
        "YunExpress",
        ("Yun Express",),
        (("track17", "190008"),),
        "https://www.yuntrack.com/parcelTracking?id={number}",
    ),
    Carrier(
        "cainiao",
        "Cainiao",
        ("aliexpress standard shipping",),
        (("track17", "190271"),),
        "https://global.cainiao.com/newDetail.htm?mailNoList={number}",
    ),
    Carrier("sf-express", "SF Express", ("SF International", "sf_express"), (("track17", "100012"),)),
    Carrier(
        "japan-post",
        "Japan Post",
        ("JapanPost", "japan_post"),
        (("track17", "10021"),),
        "https://trackings.post.japanpost.jp/services/srv/search/direct?locale=en&reqCodeNo1={number}",
    ),
    Carrier("yamato", "Yamato Transport", ("Kuroneko", "yamato_jp")),
    Carrier("omniparcel", "OmniParcel", ("SEKO OmniParcel", "omni_parcel")),
    Carrier("demo", "Demo Carrier", ("trackfold demo",)),
)

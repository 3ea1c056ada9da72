"""The post of every country: who issues the international numbers (UPU S10) that end in the country's two letters.

One row per country that issues such numbers. A post that stands in the table of carriers already is named by its
slug; the others get a carrier of their own here. Names follow the Universal Postal Union's list of members. Where a
page is missing, none is known that takes the number alone.
"""

from typing import Final

from schemas.carrier_table import Carrier

#: Countries whose post has a row in `carrier_table.py`. Monaco, Liechtenstein and Puerto Rico are served by a
#: neighbour's post.
_IN_THE_TABLE: Final = {
    "AT": "austrian-post", "AU": "australia-post", "BE": "bpost", "CA": "canada-post", "CH": "swiss-post",
    "CN": "china-post", "DE": "deutsche-post", "ES": "correos", "FR": "la-poste", "GB": "royal-mail",
    "IT": "poste-italiane", "JP": "japan-post", "LI": "swiss-post", "MC": "la-poste", "NL": "postnl",
    "NZ": "nz-post", "PR": "usps", "US": "usps",
}  # fmt: skip

_ROWS: Final = (
    ("AD", "andorra-post", "Correos Andorra"), ("AE", "emirates-post", "Emirates Post"),
    ("AF", "afghan-post", "Afghan Post"), ("AG", "antigua-post", "Antigua Post"),
    ("AI", "anguilla-post", "Anguilla Post"), ("AL", "albanian-post", "Posta Shqiptare"),
    ("AM", "haypost", "HayPost"), ("AO", "angola-post", "Correios de Angola"),
    ("AR", "correo-argentino", "Correo Argentino"), ("AW", "aruba-post", "Post Aruba"),
    ("AX", "aland-post", "Åland Post"), ("AZ", "azerpost", "Azerpost"), ("BA", "bh-posta", "BH Pošta"),
    ("BB", "barbados-post", "Barbados Postal Service"), ("BD", "bangladesh-post", "Bangladesh Post"),
    ("BF", "burkina-faso-post", "La Poste Burkina Faso"), ("BG", "bulgarian-posts", "Bulgarian Posts"),
    ("BH", "bahrain-post", "Bahrain Post"), ("BI", "burundi-post", "Poste Burundi"),
    ("BJ", "benin-post", "La Poste du Bénin"), ("BM", "bermuda-post", "Bermuda Post Office"),
    ("BN", "brunei-post", "Brunei Postal Services"), ("BO", "bolivia-post", "Correos de Bolivia"),
    ("BR", "correios-brazil", "Correios"), ("BS", "bahamas-post", "Bahamas Postal Service"),
    ("BT", "bhutan-post", "Bhutan Post"), ("BW", "botswana-post", "BotswanaPost"), ("BY", "belpost", "Belpost"),
    ("BZ", "belize-post", "Belize Postal Service"), ("CD", "dr-congo-post", "Poste de la RD Congo"),
    ("CF", "central-african-post", "Poste Centrafricaine"), ("CG", "congo-post", "La Poste du Congo"),
    ("CI", "ivory-coast-post", "La Poste de Côte d'Ivoire"), ("CK", "cook-islands-post", "Cook Islands Post"),
    ("CL", "correos-chile", "Correos de Chile"), ("CM", "campost", "Campost"), ("CO", "colombia-post", "Correos 4-72"),
    ("CR", "correos-costa-rica", "Correos de Costa Rica"), ("CU", "correos-cuba", "Correos de Cuba"),
    ("CV", "cape-verde-post", "Correios de Cabo Verde"), ("CW", "curacao-post", "Cpost Curaçao"),
    ("CY", "cyprus-post", "Cyprus Post"), ("CZ", "czech-post", "Česká pošta"),
    ("DJ", "djibouti-post", "La Poste de Djibouti"), ("DK", "postnord-dk", "PostNord Denmark"),
    ("DM", "dominica-post", "Dominica Post"), ("DO", "inposdom", "Inposdom"),
    ("DZ", "algerie-poste", "Algérie Poste"), ("EC", "correos-ecuador", "Correos del Ecuador"),
    ("EE", "omniva", "Omniva"), ("EG", "egypt-post", "Egypt Post"),
    ("ER", "eritrea-post", "Eritrean Postal Service"), ("ET", "ethiopian-post", "Ethiopian Postal Service"),
    ("FI", "posti", "Posti"), ("FJ", "post-fiji", "Post Fiji"),
    ("FK", "falkland-islands-post", "Falkland Islands Post"), ("FO", "posta-faroe", "Posta Faroe Islands"),
    ("GA", "gabon-post", "La Poste du Gabon"), ("GD", "grenada-post", "Grenada Postal Corporation"),
    ("GE", "georgian-post", "Georgian Post"), ("GG", "guernsey-post", "Guernsey Post"),
    ("GH", "ghana-post", "Ghana Post"), ("GI", "royal-gibraltar-post", "Royal Gibraltar Post Office"),
    ("GL", "tusass-greenland", "Tusass Greenland Post"), ("GM", "gampost", "GamPost"),
    ("GN", "guinea-post", "La Poste Guinéenne"), ("GQ", "equatorial-guinea-post", "Correos de Guinea Ecuatorial"),
    ("GR", "elta", "ELTA Hellenic Post"), ("GT", "correos-guatemala", "Correos de Guatemala"),
    ("GW", "guinea-bissau-post", "Correios da Guiné-Bissau"), ("GY", "guyana-post", "Guyana Post Office"),
    ("HK", "hongkong-post", "Hongkong Post"), ("HN", "honducor", "Honducor"),
    ("HR", "croatian-post", "Hrvatska pošta"), ("HT", "haiti-post", "Poste Haïti"),
    ("HU", "magyar-posta", "Magyar Posta"), ("ID", "pos-indonesia", "Pos Indonesia"), ("IE", "an-post", "An Post"),
    ("IL", "israel-post", "Israel Post"), ("IM", "isle-of-man-post", "Isle of Man Post Office"),
    ("IN", "india-post", "India Post"), ("IQ", "iraqi-post", "Iraqi Post"), ("IR", "iran-post", "Iran Post"),
    ("IS", "iceland-post", "Pósturinn"), ("JE", "jersey-post", "Jersey Post"),
    ("JM", "jamaica-post", "Jamaica Post"), ("JO", "jordan-post", "Jordan Post"),
    ("KE", "posta-kenya", "Posta Kenya"), ("KG", "kyrgyz-post", "Kyrgyz Post"),
    ("KH", "cambodia-post", "Cambodia Post"), ("KI", "kiribati-post", "Kiribati Post"),
    ("KM", "comoros-post", "La Poste des Comores"), ("KN", "st-kitts-nevis-post", "St Kitts and Nevis Post"),
    ("KP", "north-korea-post", "Korea Post (DPRK)"), ("KR", "korea-post", "Korea Post"),
    ("KW", "kuwait-post", "Kuwait Post"), ("KY", "cayman-islands-post", "Cayman Islands Postal Service"),
    ("KZ", "kazpost", "Kazpost"), ("LA", "lao-post", "Lao Post"), ("LB", "libanpost", "LibanPost"),
    ("LC", "saint-lucia-post", "Saint Lucia Postal Service"), ("LK", "sri-lanka-post", "Sri Lanka Post"),
    ("LR", "liberia-post", "Liberia Post"), ("LS", "lesotho-post", "LesothoPost"),
    ("LT", "lithuania-post", "Lietuvos paštas"), ("LU", "post-luxembourg", "POST Luxembourg"),
    ("LV", "latvijas-pasts", "Latvijas Pasts"), ("LY", "libya-post", "Libya Post"),
    ("MA", "poste-maroc", "Barid Al-Maghrib"), ("MD", "posta-moldovei", "Poșta Moldovei"),
    ("ME", "posta-crne-gore", "Pošta Crne Gore"), ("MG", "paositra-malagasy", "Paositra Malagasy"),
    ("MK", "macedonia-post", "North Macedonia Post"), ("ML", "mali-post", "La Poste du Mali"),
    ("MM", "myanmar-post", "Myanmar Post"), ("MN", "mongol-post", "Mongol Post"), ("MO", "macau-post", "CTT Macau"),
    ("MR", "mauripost", "Mauripost"), ("MS", "montserrat-post", "Montserrat Postal Service"),
    ("MT", "maltapost", "MaltaPost"), ("MU", "mauritius-post", "Mauritius Post"),
    ("MV", "maldives-post", "Maldives Post"), ("MW", "malawi-post", "Malawi Posts"),
    ("MX", "correos-mexico", "Correos de México"), ("MY", "pos-malaysia", "Pos Malaysia"),
    ("MZ", "mozambique-post", "Correios de Moçambique"), ("NA", "nampost", "NamPost"),
    ("NC", "opt-new-caledonia", "OPT New Caledonia"), ("NE", "niger-poste", "Niger Poste"),
    ("NG", "nipost", "NIPOST"), ("NI", "correos-nicaragua", "Correos de Nicaragua"),
    ("NO", "posten-norge", "Posten Norge"), ("NP", "nepal-post", "Nepal Post"), ("NR", "nauru-post", "Nauru Post"),
    ("NU", "niue-post", "Niue Post"), ("OM", "oman-post", "Oman Post"),
    ("PA", "correos-panama", "Correos de Panamá"), ("PE", "serpost", "Serpost"),
    ("PF", "opt-french-polynesia", "Fare Rata"), ("PG", "post-png", "Post PNG"), ("PH", "phlpost", "PHLPost"),
    ("PK", "pakistan-post", "Pakistan Post"), ("PL", "poczta-polska", "Poczta Polska"),
    ("PS", "palestine-post", "Palestine Post"), ("PT", "ctt", "CTT Portugal"),
    ("PY", "correo-paraguayo", "Correo Paraguayo"), ("QA", "qatar-post", "Qatar Post"),
    ("RO", "posta-romana", "Poșta Română"), ("RS", "posta-srbije", "Pošta Srbije"),
    ("RU", "russian-post", "Russian Post"), ("RW", "iposita-rwanda", "Iposita Rwanda"),
    ("SA", "saudi-post", "SPL Saudi Post"), ("SB", "solomon-post", "Solomon Post"),
    ("SC", "seychelles-post", "Seychelles Postal Services"), ("SD", "sudapost", "Sudapost"),
    ("SE", "postnord-se", "PostNord Sweden"), ("SG", "singpost", "SingPost"),
    ("SH", "st-helena-post", "St Helena Post"), ("SI", "posta-slovenije", "Pošta Slovenije"),
    ("SK", "slovenska-posta", "Slovenská pošta"), ("SL", "salpost", "Salpost"),
    ("SM", "poste-san-marino", "Poste San Marino"), ("SN", "senegal-post", "La Poste Sénégal"),
    ("SO", "somali-post", "Somali Post"), ("SR", "surpost", "Surpost"),
    ("SS", "south-sudan-post", "South Sudan Post"), ("ST", "sao-tome-post", "Correios de São Tomé e Príncipe"),
    ("SV", "correos-el-salvador", "Correos de El Salvador"),
    ("SX", "sint-maarten-post", "Postal Services St. Maarten"), ("SY", "syrian-post", "Syrian Post"),
    ("SZ", "eswatini-post", "Eswatini Post"), ("TC", "turks-caicos-post", "Turks and Caicos Post"),
    ("TD", "chad-post", "La Poste du Tchad"), ("TG", "togo-post", "La Poste du Togo"),
    ("TH", "thailand-post", "Thailand Post"), ("TJ", "tajik-post", "Tajik Post"),
    ("TL", "timor-leste-post", "Correios de Timor-Leste"), ("TM", "turkmen-post", "Turkmenpost"),
    ("TN", "tunisia-post", "La Poste Tunisienne"), ("TO", "tonga-post", "Tonga Post"), ("TR", "ptt", "PTT"),
    ("TT", "ttpost", "TTPost"), ("TV", "tuvalu-post", "Tuvalu Post"), ("TW", "chunghwa-post", "Chunghwa Post"),
    ("TZ", "tanzania-post", "Tanzania Posts"), ("UA", "ukrposhta", "Ukrposhta"),
    ("UG", "posta-uganda", "Posta Uganda"), ("UY", "correo-uruguayo", "Correo Uruguayo"),
    ("UZ", "uzpost", "UzPost"), ("VA", "vatican-post", "Poste Vaticane"),
    ("VC", "svg-post", "SVG Postal Corporation"), ("VE", "ipostel", "Ipostel"), ("VG", "bvi-post", "BVI Post"),
    ("VN", "vietnam-post", "Vietnam Post"), ("VU", "vanuatu-post", "Vanuatu Post"),
    ("WF", "wallis-futuna-post", "SPT Wallis and Futuna"), ("WS", "samoa-post", "Samoa Post"),
    ("XK", "kosovo-post", "Posta e Kosovës"), ("YE", "yemen-post", "Yemen Post"),
    ("ZA", "south-african-post", "South African Post Office"), ("ZM", "zampost", "Zampost"),
    ("ZW", "zimpost", "Zimpost"),
)  # fmt: skip

_PAGES: Final = {
    "an-post": "https://www.anpost.com/Post-Parcels/Track/History?item={number}",
    "correios-brazil": "https://rastreamento.correios.com.br/app/index.php?objetos={number}",
    "croatian-post": "https://posiljka.posta.hr/en/tracking/trackingdata?barcode={number}",
    "ctt": "https://www.ctt.pt/feapl_2/app/open/objectSearch/objectSearch.jspx?objects={number}",
    "czech-post": "https://www.postaonline.cz/en/trackandtrace/-/zasilka/cislo?parcelNumbers={number}",
    "korea-post": "https://service.epost.go.kr/trace.RetrieveEmsRigiTraceList.comm?POST_CODE={number}",
    "magyar-posta": "https://www.posta.hu/nyomkovetes/nyitooldal?searchvalue={number}",
    "omniva": "https://minu.omniva.ee/track/{number}",
    "poczta-polska": "https://emonitoring.poczta-polska.pl/?numer={number}",
    "posten-norge": "https://sporing.posten.no/sporing/{number}",
    "posti": "https://www.posti.fi/en/tracking#/lahetys/{number}",
    "postnord-dk": "https://tracking.postnord.com/en/tracking?id={number}",
    "postnord-se": "https://tracking.postnord.com/en/tracking?id={number}",
    "ptt": "https://gonderitakip.ptt.gov.tr/Track/Verify?q={number}",
    "russian-post": "https://www.pochta.ru/tracking#{number}",
    "slovenska-posta": "https://tandt.posta.sk/en/items/{number}",
    "thailand-post": "https://track.thailandpost.co.th/?trackNumber={number}",
    "ukrposhta": "https://track.ukrposhta.ua/tracking_EN.html?barcode={number}",
}

#: Names that shops and providers use, where they differ from slug and name by more than case and spaces.
_ALIASES: Final = {
    "chunghwa-post": ("Taiwan Post",),
    "correios-brazil": ("Correios Brasil", "Brazil Correios"),
    "ctt": ("CTT Correios", "Portugal Post"),
    "czech-post": ("Czech Post",),
    "elta": ("ELTA", "Hellenic Post", "Greece Post"),
    "hongkong-post": ("Hong Kong Post",),
    "lithuania-post": ("Lietuvos pastas", "LP Express"),
    "omniva": ("Eesti Post",),
    "posten-norge": ("Posten", "Bring", "Norway Post"),
    "ptt": ("PTT Posta", "Turkey Post"),
    "saudi-post": ("Saudi Post", "SPL"),
    "singpost": ("Singapore Post",),
    "ukrposhta": ("Ukraine Post",),
}

ROWS: Final = tuple(
    Carrier(slug, name, _ALIASES.get(slug, ()), tracking_page=_PAGES.get(slug)) for _, slug, name in _ROWS
)
"""The posts that have no row in `carrier_table.py`."""

POST_OF_COUNTRY: Final = {**_IN_THE_TABLE, **{country: slug for country, slug, _ in _ROWS}}
"""The slug of a country's post, by its ISO 3166 code."""

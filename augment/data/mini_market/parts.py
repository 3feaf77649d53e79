"""Materials and body parts of a drawn person, their parsing labels, and the parts at each joint."""

import numpy as np

from augment.data.mini_market import figure as f

# Materials: rows of the colour table.
SKIN, HAIR, UPPER, SECOND, LOWER, SHOES, PACK, STRAP, DARK = range(1, 10)
# Parts: what a pixel belongs to. Cloth over a leg has its own number because its label differs from
# that of bare skin.
(
    FACE,
    SCALP,
    NECK,
    TORSO,
    PELVIS,
    SKIRT,
    BAG,
    R_UPPER_ARM,
    L_UPPER_ARM,
    R_FOREARM,
    L_FOREARM,
    R_THIGH,
    L_THIGH,
    R_SHIN,
    L_SHIN,
    R_FOOT,
    L_FOOT,
    R_CLOTH,
    L_CLOTH,
    R_LOW_CLOTH,
    L_LOW_CLOTH,
) = range(1, 22)
LABEL_OF_PART = np.zeros(22, np.uint8)
for _label, _parts in {
    1: (FACE, NECK),
    2: (SCALP,),
    3: (TORSO, BAG),
    4: (PELVIS, R_CLOTH, L_CLOTH, R_LOW_CLOTH, L_LOW_CLOTH),
    5: (SKIRT,),
    6: (L_UPPER_ARM, L_FOREARM),
    7: (R_UPPER_ARM, R_FOREARM),
    8: (L_THIGH, L_SHIN, L_FOOT),
    9: (R_THIGH, R_SHIN, R_FOOT),
}.items():
    LABEL_OF_PART[list(_parts)] = _label

# A limb joint is visible if these parts show around it. For other joints see `_visible` in
# person.py.
PARTS_AT_JOINT = {
    f.R_ELBOW: (R_UPPER_ARM, R_FOREARM), f.R_WRIST: (R_FOREARM,),
    f.L_ELBOW: (L_UPPER_ARM, L_FOREARM), f.L_WRIST: (L_FOREARM,),
    f.R_KNEE: (R_THIGH, R_SHIN, R_CLOTH, R_LOW_CLOTH, SKIRT),
    f.R_ANKLE: (R_SHIN, R_FOOT, R_LOW_CLOTH),
    f.L_KNEE: (L_THIGH, L_SHIN, L_CLOTH, L_LOW_CLOTH, SKIRT),
    f.L_ANKLE: (L_SHIN, L_FOOT, L_LOW_CLOTH),
}  # fmt: skip
OWN = np.zeros((f.NUM_JOINTS, 22), bool)
for _joint, _parts in PARTS_AT_JOINT.items():
    OWN[_joint, list(_parts)] = True

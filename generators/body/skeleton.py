"""The joints and limbs of OpenPose-18, the order of all keypoints in this project.

It imports nothing, so that readers of keypoint files do not need torch.
"""

JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
    "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
    "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
TORSO = (2, 5, 8, 11)
# Joint j of a mirrored person is joint MIRROR[j] of the original.
MIRROR = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
LIMBS = (
    (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 2), (2, 3), (3, 4), (1, 5),
    (5, 6), (6, 7), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
# One colour per limb: right leg and arm warm, left leg and arm cool, head grey-violet.
LIMB_COLOURS = (
    (240, 150, 40), (245, 175, 60), (250, 200, 90), (40, 160, 200), (70, 185, 215),
    (110, 210, 230), (225, 70, 60), (235, 100, 85), (245, 130, 115), (60, 170, 110),
    (90, 195, 135), (130, 215, 165), (190, 170, 220), (205, 185, 230), (215, 200, 235),
    (175, 160, 215), (165, 150, 205),
)  # fmt: skip
